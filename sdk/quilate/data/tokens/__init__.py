"""How tokenizers fit a dataset's texts: tokens by language, cuts, packing, cost, and advice."""

from quilate.data.tokens.measuring import fit
from quilate.data.tokens.opening import open_tokenizer
from quilate.data.tokens.tokenizer import Tokenizer
from quilate.data.tokens.values import Fit, TokenizerFit

__all__ = ["Fit", "Tokenizer", "TokenizerFit", "fit", "open_tokenizer"]
