//! Shows the main job on five embedded nodes.
fn main() {}
