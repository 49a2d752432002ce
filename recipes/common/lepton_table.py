data, nominal = observed(), expected("nominal").sum().value
print(f"{data.sum().value:.0f} events of pseudo-data{'probability':>15}")
for name in by_mistake[ETA].axes["weighting"]:
    h = expected(name)
    change, test = h.sum().value / nominal - 1, closure.chi_squared(data, h)
    print(f"{name:21} {h.sum().value:8.1f} ({change:+.2%}) {test.probability:8.1g}")
    assert change > 0 or not name.endswith("_up")
    assert change < 0 or not name.endswith("_down")
