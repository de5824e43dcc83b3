use std::sync::Arc;

use broker_testkit::store_questions::QUESTIONS;

use crate::sample::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_answers_every_question_rightly() {
    for (name, question) in QUESTIONS {
        let place = Place::new();
        let store = Arc::new(place.create());
        let asked = Arc::clone(&store);
        let answered = tokio::task::spawn_blocking(move || question(asked)).await;
        assert!(answered.is_ok(), "{name}");
        drop(store);
        // What the question left behind is whole.
        drop(place.open());
    }
}
