declare("""
struct TagAndProbe { ROOT::RVecI probe; ROOT::RVecD mass; };

TagAndProbe tag_and_probe(const ROOT::RVecB &tag, const ROOT::RVecI &charge,
                          const ROOT::RVec<ROOT::Math::PtEtaPhiMVector> &muon)
{
    TagAndProbe pairs;
    for (const auto i : ROOT::VecOps::Nonzero(tag))
        for (const auto j : ROOT::VecOps::Nonzero(charge != charge[i])) {
            pairs.probe.push_back(j);
            pairs.mass.push_back((muon[i] + muon[j]).M());
        }
    return pairs;
}
""")
