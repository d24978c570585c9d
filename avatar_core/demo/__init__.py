"""The parts of ``avatar demo``: inputs, the agent's side, the viewer's side, the recording."""
