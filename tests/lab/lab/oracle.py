def compare(line, script):
    return None
