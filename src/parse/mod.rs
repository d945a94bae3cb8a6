//! Text of the kernel in, struct out. Pure: no file, no clock. A parser used by one kind alone may
//! live in that kind's file.
