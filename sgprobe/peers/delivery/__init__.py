"""The offline delivery of IFPP: a tree of files, written and checked as a stream. Binding §6."""
