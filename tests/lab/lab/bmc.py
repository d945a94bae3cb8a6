class Bmc:
    pass
