"""One module for each verb: observe, decide, act, return a result."""
