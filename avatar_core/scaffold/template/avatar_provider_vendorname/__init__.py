"""The avatar-core provider Vendorname."""
