//! Fields: what they are called, what an event holds, and how the one is read from the other.

pub(crate) mod event;
pub mod event_type;
pub(crate) mod extract;
pub(crate) mod flags;
pub mod named;
pub mod table;

pub use event::{
    Arg, ArgValue, Connection, Container, Event, FD_KINDS, Fd, FdKind, Given, MAX_LINEAGE, Mount,
    Process, User, Value,
};
pub use event_type::EventType;
pub use extract::exec_flags;
pub use flags::{FlagSet, errno_name, errno_number};
pub use table::{ALL, Argument, Arity, Field, FieldError, FieldInfo, FieldRef, Kind, Parameter};
