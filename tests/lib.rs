//! The tests of the workspace as a whole live in the lanes beside this file.
