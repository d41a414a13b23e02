"""The simulated eUICC: ECASD, ISD-R and ISD-Ps, from APDUs down to its non-volatile memory."""
