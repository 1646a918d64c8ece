"""Learning curves: true to the journal, and short."""

from translator.jobs.show.curves import learning_curves


def update(step: int, loss: float | None, seconds: float = 2.0) -> dict[str, object]:
    return {
        "event": "update",
        "step": step,
        "loss": loss,
        "num_tokens": 100,
        "seconds": seconds,
        "learning_rate": step / 10,
    }


def test_a_point_is_the_mean_of_its_updates() -> None:
    records = [
        update(1, 4.0),
        update(2, 2.0, 3.0),
        {"event": "validation", "step": 2, "loss": 1.5, "bleu": 20.0},
        update(3, 1.0),
    ]
    curves = learning_curves(records, every=2)
    assert curves["loss"] == [(2, 3.0), (3, 1.0)]
    assert curves["speed"] == [(2, 40.0), (3, 50.0)]
    assert curves["learning_rate"] == [(2, 0.2), (3, 0.3)]
    assert (curves["validation_loss"], curves["bleu"]) == ([(2, 1.5)], [(2, 20.0)])


def test_what_was_not_finite_or_is_no_number_is_left_out() -> None:
    records = [
        update(1, None),
        update(2, 2.0),
        update(3, 1e300),
        {"event": "validation", "step": 3, "bleu": "20"},
        {"step": 3},
    ]
    curves = learning_curves(records, every=5)
    assert (curves["loss"], curves["bleu"]) == ([(3, 2.0)], [])
    assert learning_curves([], every=1)["loss"] == []


def test_an_impossible_time_is_no_speed() -> None:
    assert learning_curves([update(1, 2.0, seconds=1e-320)], every=1)["speed"] == []
