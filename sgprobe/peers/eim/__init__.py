"""The simulated eIM: orders for eUICCs, packages signed, results verified, downloads relayed."""
