correctionlib.register_pyroot_binding()
declare("""
std::vector<correction::CompoundCorrection::Ref> jec_scales;
std::vector<correction::Correction::Ref> jec_sources;

void load_jec(const std::string &path, const std::vector<std::string> &scales,
              const std::vector<std::string> &sources)
{
    const auto set = correction::CorrectionSet::from_file(path);
    jec_scales.clear(), jec_sources.clear();
    for (const auto &key : scales) jec_scales.push_back(set->compound().at(key));
    for (const auto &key : sources) jec_sources.push_back(set->at(key));
}
""")
