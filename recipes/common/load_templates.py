correctionlib.register_pyroot_binding()
declare("""
correction::Correction::Ref template_pileup, template_id;
std::vector<correction::Correction::Ref> template_sources;

void load_templates(const std::string &pileup, const std::string &pileup_key,
                    const std::string &muons, const std::string &muon_key,
                    const std::string &jerc, const std::vector<std::string> &keys)
{
    template_pileup = correction::CorrectionSet::from_file(pileup)->at(pileup_key);
    template_id = correction::CorrectionSet::from_file(muons)->at(muon_key);
    const auto found = correction::CorrectionSet::from_file(jerc);
    template_sources.clear();
    for (const auto &key : keys) template_sources.push_back(found->at(key));
}
""")
