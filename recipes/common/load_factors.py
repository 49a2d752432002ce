correctionlib.register_pyroot_binding()
declare("""
std::vector<correction::Correction::Ref> factor_maps;
std::vector<std::string> factor_ways; // nominal, up, down

void load_factors(const std::string &path, const std::vector<std::string> &keys,
                  const std::vector<std::string> &ways)
{
    const auto set = correction::CorrectionSet::from_file(path);
    factor_maps.clear();
    for (const auto &key : keys) factor_maps.push_back(set->at(key));
    factor_ways = ways;
}
""")


def map_call(place, known):
    """C++ that asks a map; the file says what it takes, and in which order."""
    inputs = (known[str(entry.name())] for entry in ROOT.factor_maps[place].inputs())
    return f"factor_maps[{place}]->evaluate({{{', '.join(inputs)}}})"
