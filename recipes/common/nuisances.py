NUISANCES = """
- {name: lumi_13p6TeV_2024, kind: rate, value: 1.014, processes: ["*"], years: own}
- {name: CMS_scale_j_AbsoluteMPFBias, source: AbsoluteMPFBias, kind: shape,
   processes: ["*"], years: all, smooth: true, symmetrise: true}
- {name: CMS_scale_j_FlavorQCD, source: FlavorQCD, kind: shape,
   processes: ["*"], years: all, smooth: true, symmetrise: true}
- {name: CMS_scale_j_RelativePtEC1_2024, source: RelativePtEC1, kind: shape,
   processes: ["*"], years: own, smooth: true, symmetrise: true}
- {name: CMS_scale_j_PileUpPtRef, source: PileUpPtRef, kind: shape,
   processes: ["*"], years: all, smooth: true, symmetrise: true}
- {name: CMS_pileup_2024, source: pileup, kind: shape, processes: ["*"], years: own}
- {name: CMS_eff_m_id, source: muon_id, kind: split, processes: ["*"], years: all}
"""
