//! The tests against foreign clients live in the lane beside this file.
