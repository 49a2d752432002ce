declare("""
/// Positions by falling pt; of equal ones the former order stays.
ROOT::RVec<std::size_t> by_falling_pt(const ROOT::RVecD &pt)
{
    return ROOT::VecOps::StableArgsort(pt, [](double a, double b) { return a > b; });
}
""")
