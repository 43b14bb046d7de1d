from .errors import UserError as UserError
from .scoring.explanation import Explanation as Explanation
from .scoring.model import Model as Model
from .scoring.model import Verdict as Verdict
