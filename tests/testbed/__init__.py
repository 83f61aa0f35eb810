"""The demo: its data, its checks, and the whole of it, also when parts of it are killed."""
