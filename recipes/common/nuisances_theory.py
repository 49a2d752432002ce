NUISANCES += """
- {name: xsec_w, kind: rate, value: 1.05, processes: [W*], years: all}
- {name: xsec_w3j, kind: rate, value: 1.2, processes: [W*], years: all, channels: [mu_3j]}
- {name: xsec_dy, kind: rate, value: 1.05, processes: [DY*], years: all}
- {name: QCDscale_ren_ttbar, source: muR, kind: split, processes: [TT*], years: all}
- {name: QCDscale_fac_ttbar, source: muF, kind: split, processes: [TT*], years: all}
- {name: QCDscale_ren_V, source: muR, kind: split, processes: [W*, DY*], years: all}
- {name: ps_isr_ttbar, source: ISR, kind: shape, processes: [TT*], years: all, smooth: true}
- {name: ps_fsr_ttbar, source: FSR, kind: shape, processes: [TT*], years: all, smooth: true}
- {name: pdf_ttbar, source: PDF, kind: shape, processes: [TT*], years: all}
- {name: top_pt_ttbar, source: top_pt, kind: shape, processes: [TT*], years: all,
   down: mirror}
"""
