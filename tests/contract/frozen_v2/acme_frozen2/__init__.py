"""A provider for contract version 2, as providers were written then.

Nothing here is ever changed to fit a later core: that it need not be is what it is for.
"""
