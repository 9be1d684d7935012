//! detail_queue
