"""The live demo page: server, agent and page, on this machine only."""
