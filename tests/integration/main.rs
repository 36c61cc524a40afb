//! Every behaviour of the system, side by side on shared servers.

mod first_upload;
mod listing;
mod made_pictures;
mod many_users;
mod newest_wins;
mod queue_trouble;
mod rejections;
mod sweeper;
mod two_workers;
