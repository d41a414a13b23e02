"""The offline delivery of IFPP: a tree of files, written and checked as a stream. IFPP §6."""
