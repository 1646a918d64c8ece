"""General score: a dot product with a learned matrix between query and key (Luong et al. 2015, section 3.1)."""

from translator.attention.dot import Dot


class General(Dot):
    """score(q, k) = q . W k. W is the key projection of `core.Attention`, applied once per key; W = I gives `dot`."""

    projection = "key"
