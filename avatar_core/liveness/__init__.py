"""Whether an avatar lives: the signs of it, the judgement, the watch that gathers them."""
