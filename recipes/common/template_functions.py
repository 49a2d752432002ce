declare("""
/// Momenta of jets: nominal, and each source up and down.
ROOT::RVec<ROOT::RVecD> template_shifts(const ROOT::RVecD &pt, const ROOT::RVecD &eta)
{
    ROOT::RVec<ROOT::RVecD> shifts{pt};
    for (const auto &source : template_sources) {
        const auto ask = [&](double x, double y) { return source->evaluate({x, y}); };
        const auto size = Map(eta, pt, ask);
        shifts.push_back(pt * (1 + size));
        shifts.push_back(pt * (1 - size));
    }
    return shifts;
}

ROOT::RVecD template_list(const ROOT::RVecF &list, std::size_t length, const char *name)
{
    if (list.empty()) return ROOT::RVecD(length, 1.0);
    if (list.size() == length) return ROOT::RVecD(list.begin(), list.end());
    throw std::runtime_error(
        Form("%s: not %zu weights in each event; see LENGTHS", name, length));
}
""")
