"""The device maker: eUICC data that an EUM hands over, for requests of packages. IFPP §5."""
