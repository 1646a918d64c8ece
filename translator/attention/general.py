"""The dot product with a learned matrix between query and key (Luong et al. 2015, eq. 8)."""

from translator.attention.dot import Dot


class General(Dot):
    """score(q, k) = q . W k. W is `core.Attention`'s key projection, so it meets each key once; with W = I this is dot."""

    projection = "key"
