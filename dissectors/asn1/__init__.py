"""ASN.1 of every version: modules, the codec, typed trees, findings, JER values."""
