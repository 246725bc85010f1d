//! Little programs that show one thing each.
