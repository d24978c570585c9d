"""An emulator of Protoface's API on this machine, with avatars that join real rooms."""
