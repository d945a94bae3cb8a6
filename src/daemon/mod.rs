//! Threads, signals, sockets and the clock: does what the engine asks for.
