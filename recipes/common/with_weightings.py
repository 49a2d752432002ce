def product(call, count):
    """C++: nominal, up and down of a factor over the first leptons."""
    return f"""ROOT::RVecD ways(3, 1.0);
    for (int way = 0; !is_data && way < 3; ++way)
        for (int i = 0; i < {count}; ++i) ways[way] *= {call};
    return ways;"""


def with_weightings(df):
    moved = []
    for name in FACTORS:
        count = 1 if name == "trigger" else 2
        df = df.Define(f"{name}_all", product(factor_call(name), count))
        moved += [(f"{name}_all[0]", f"{name}_all[{way}]") for way in (1, 2)]
    nominal = " * ".join(["generator", *(f"{name}_all[0]" for name in FACTORS)])
    every = ", ".join([nominal, *(nominal.replace(*which) for which in moved)])
    return df.Define("weights", f"ROOT::RVecD{{{every}}}")
