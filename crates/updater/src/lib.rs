//! Fetches advisory feeds and builds the signed vulnerability database.
