PDF = [f"pdf_{i}" for i in range(LENGTHS["LHEPdfWeight"])]
WEIGHTED = ["nominal", *MOVED, *PDF]
VARIATIONS = [*WEIGHTED, *(f"{s}_{way}" for s in SOURCES for way in ("up", "down"))]


def with_weight_rows(df):
    """Weights of each event, in the order of WEIGHTED."""
    pileup = [f'template_pileup->evaluate({{Pileup_nTrueInt, "{way}"}})' for way in WAYS]
    muon = [f'template_id->evaluate({{muon_eta, muon_pt, "{way}"}})' for way in MUON_WAYS]
    df = df.Define("pileup", f"ROOT::RVecD{{{', '.join(pileup)}}}")
    df = df.Define("muon_id", f"ROOT::RVecD{{{', '.join(muon)}}}")
    df = df.Define("nominal", "scale * genWeight * pileup[0] * muon_id[0]")
    for branch, length in LENGTHS.items():
        name = f'"{branch[:3]}" "{branch[3:]}"'  # whole, it would be taken for the column
        df = df.Define(f"all{branch}", f"template_list({branch}, {length}, {name})")
    top = "GenPart_pt[abs(GenPart_pdgId) == 6 && (GenPart_statusFlags & (1 << 13)) > 0]"
    df = df.Define("top_pt", f"sqrt(Product(exp(0.0615 - 0.0005 * ROOT::RVecD({top}))))")
    rows = [
        "scale * genWeight * pileup[{}] * muon_id[{}]".format(*way)
        for way in ((0, 0), (1, 0), (2, 0), (0, 1), (0, 2))
    ]
    rows += [f"nominal * all{b}[{i}]" for b, *places in MEMBERS.values() for i in places]
    rows = f"ROOT::RVecD{{{', '.join(rows)}, nominal * top_pt}}"
    return df.Define("weights", f"Concatenate({rows}, nominal * allLHEPdfWeight)")
