//! Rule files: YAML with places, the items in it, and how later items change earlier ones.

pub(crate) mod exception;
pub(crate) mod item;
pub(crate) mod load;
pub(crate) mod reader;
pub(crate) mod tree;
pub(crate) mod version;

pub use item::Priority;
pub use tree::MAX_FILE_BYTES;
