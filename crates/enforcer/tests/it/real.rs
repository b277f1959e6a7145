//! On real containers, with the real kernel side.
