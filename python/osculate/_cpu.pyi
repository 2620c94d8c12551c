levels: tuple[str, ...]
