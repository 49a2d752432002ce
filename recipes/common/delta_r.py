def double(collection, name):
    return ak.values_astype(collection[name], np.float64)


def delta_r(one, other):
    """Distance in double precision; the built-in metric follows the branches."""
    d_eta = double(one, "eta") - double(other, "eta")
    d_phi = double(one, "phi") - double(other, "phi")
    return np.hypot(d_eta, (d_phi + np.pi) % (2 * np.pi) - np.pi)
