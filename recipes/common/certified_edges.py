declare("""
/// By run: first - 1 and last of each certified range, ascending.
std::map<unsigned, std::vector<unsigned>> certified_edges;

bool in_certified(unsigned run, unsigned section)
{
    const auto found = certified_edges.find(run);
    if (found == certified_edges.end())
        return false;
    const auto &edges = found->second;
    const auto edge = std::lower_bound(edges.begin(), edges.end(), section);
    return (edge - edges.begin()) % 2;
}
""")
