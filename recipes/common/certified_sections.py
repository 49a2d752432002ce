assert ROOT.gInterpreter.Declare("""
#ifndef CERTIFIED_SECTIONS
#define CERTIFIED_SECTIONS
using Ranges = std::vector<std::pair<unsigned, unsigned>>;
/// The certified ranges of luminosity sections of each run, ends included.
std::map<unsigned, Ranges> &certified_sections()
{
    static std::map<unsigned, Ranges> sections;
    return sections;
}

bool is_certified(unsigned run, unsigned section)
{
    const auto found = certified_sections().find(run);
    if (found == certified_sections().end())
        return false;
    for (const auto &[first, last] : found->second)
        if (first <= section && section <= last)
            return true;
    return false;
}
#endif
""")
