from service.http.fixed_windows import FixedWindows


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_window_begins_with_the_first_count_of_its_key_and_ends_after_its_period() -> None:
    clock = Clock()
    windows = FixedWindows(3, period_s=60, clock_s=clock)
    assert windows.count("a", cost=2)
    clock.now_s = 30
    assert [windows.count("b"), windows.count("a"), windows.count("a")] == [True, True, False]
    assert (windows.remaining("a"), windows.reset_s("a")) == (0, 30)
    assert (windows.remaining("b"), windows.reset_s("b")) == (2, 60)
    clock.now_s = 60
    assert "a" not in windows
    assert len(windows) == 1
    assert windows.remaining("a") == 3
    assert windows.fits("b", cost=2)
    assert not windows.fits("b", cost=3)
    assert windows.count("a", cost=3)
    clock.now_s = 119
    assert (windows.remaining("a"), windows.remaining("b")) == (0, 3)
    assert len(windows) == 1


def test_what_was_given_back_may_be_used_again() -> None:
    windows = FixedWindows(2, period_s=60)
    windows.give_back("a")
    assert "a" not in windows
    windows.count("a", cost=2)
    windows.give_back("a")
    assert windows.remaining("a") == 1
    windows.give_back("a", cost=5)
    assert windows.remaining("a") == 2
