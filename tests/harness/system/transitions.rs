//! Which states every upload of every test went through: nothing but what the table of states allows.

use super::TestSystem;
use crate::database::TestDatabase;
use pfp_shared::upload::UploadState;

/// Notes every change of an upload's status.
pub(super) async fn note_transitions(database: &TestDatabase) {
    database
        .run(
            // In a schema of its own: some tests drop ours.
            "CREATE SCHEMA of_the_test;
             CREATE TABLE of_the_test.transitions (before text, after text);
             CREATE FUNCTION of_the_test.note_transition() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 INSERT INTO of_the_test.transitions VALUES (OLD.status, NEW.status);
                 RETURN NULL;
             END
             $$;
             CREATE TRIGGER note_transition AFTER UPDATE OF status ON uploads FOR EACH ROW
                 WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION of_the_test.note_transition();",
        )
        .await;
}

impl TestSystem {
    /// # Panics
    /// An upload went from a state into one that the table of states doesn't name.
    pub(super) async fn assert_transitions_are_allowed(&self) {
        let sql = "SELECT DISTINCT before, after FROM of_the_test.transitions";
        for row in self.database.rows(sql, &[]).await {
            let (before, after): (String, String) = (row.get(0), row.get(1));
            let state = |name: &str| name.parse::<UploadState>().expect("a state of the table");
            assert!(state(&before).ways_out().contains(&state(&after)), "from {before} to {after}");
        }
    }
}
