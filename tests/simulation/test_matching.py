"""Matching and ordering of jagged collections, empty events included."""

import awkward as ak
import numpy as np
import pytest

from cookbook.simulation import matching
from cookbook.simulation.arrays import delta_phi


def objects(*events: list[tuple[float, float]]) -> ak.Array:
    """Make records with eta and phi."""
    number = [len(event) for event in events]
    flat = np.array([point for event in events for point in event], dtype=float).reshape(-1, 2)
    return ak.zip({"eta": ak.unflatten(flat[:, 0], number), "phi": ak.unflatten(flat[:, 1], number)})


def test_the_nearest_object_is_found_across_the_seam_in_azimuth() -> None:
    """Azimuths of 3.1 and -3.1 are close."""
    index, distance = matching.nearest(objects([(0, 3.1)]), objects([(0, 0), (0, -3.1)]))
    assert index.tolist() == [[1]]
    assert distance.tolist()[0][0] == pytest.approx(2 * np.pi - 6.2)


def test_nothing_to_match_with_gives_minus_one() -> None:
    """An event without targets has index -1 and an infinite distance."""
    index, distance = matching.nearest(objects([(0, 0)], []), objects([], [(1, 1)]))
    assert index.tolist() == [[-1], []]
    assert distance.tolist() == [[np.inf], []]


def test_matches_beyond_the_radius_do_not_count() -> None:
    """Only objects within the radius are matched."""
    got = matching.matched(objects([(0, 0), (2, 0)]), objects([(0.1, 0.1)]), 0.4)
    assert got.tolist() == [[0, -1]]


def test_take_gives_the_default_for_negative_indices() -> None:
    """Values come from the same event, the default where there is no index."""
    array, index = ak.Array([[10.0, 20.0], [], [30.0]]), ak.Array([[1, -1], [-1], [0, 0]])
    assert matching.take(array, index, -5.0).tolist() == [[20.0, -5.0], [-5.0], [30.0, 30.0]]


def test_the_first_two_objects_that_point_to_a_target_are_found() -> None:
    """In order, -1 where there are fewer."""
    first, second = matching.pick_first_two(ak.Array([[1, 0, 1, 1], []]), ak.Array([[5.0, 5.0, 5.0], [5.0]]))
    assert first.tolist() == [[1, 0, -1], [-1]]
    assert second.tolist() == [[-1, 2, -1], [-1]]


def test_sorting_by_pt_keeps_the_order_of_equal_values() -> None:
    """Ties stay as they were."""
    assert matching.order_by_pt(ak.Array([[1.0, 3.0, 3.0, 2.0], []])).tolist() == [[1, 2, 3, 0], []]


def test_differences_of_azimuths_are_within_half_a_turn() -> None:
    """The difference is never larger than pi."""
    assert delta_phi(np.array([3.0]), np.array([-3.0]))[0] == pytest.approx(6 - 2 * np.pi)
