"""The protocol tables: versions, functions, roles, codes; each fact once, with its clause."""
