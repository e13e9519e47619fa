"""Shape tests on an estimate: signs, curves, moderation, mediation, groups and comparisons."""

from __future__ import annotations

from tertius.shapes.block import block_gain_test
from tertius.shapes.block_comparison import block_comparison_test
from tertius.shapes.claim_tests import SHAPE_TESTS, ShapeSettings, run_shape_test
from tertius.shapes.common import ShapeResult, effect_curve
from tertius.shapes.comparison import (
    block_test,
    coefficient_comparison_test,
    matched_pattern_test,
    scaled_contrast,
    superadditivity_test,
)
from tertius.shapes.complementarity import complementarity_test, residual_correlation
from tertius.shapes.curve_class import classify_curve, curve_class_test
from tertius.shapes.groups import first_year_groups, group_difference_test
from tertius.shapes.indirect_contrast import (
    IndirectPath,
    contrast_of_indirects,
    indirect_contrast_test,
)
from tertius.shapes.inverted_u import InvertedU, inverted_u_test
from tertius.shapes.joint import JointResult, ShapeStep
from tertius.shapes.kink import kink_test
from tertius.shapes.mediation import Mediation, mediation_test
from tertius.shapes.mediation_counterfactual import mediation_counterfactual
from tertius.shapes.moderated_inverted_u import (
    ModeratedInvertedU,
    ModeratedQuadratic,
    moderated_inverted_u_test,
    turning_curve,
)
from tertius.shapes.moderation import (
    JohnsonNeyman,
    Moderation,
    johnson_neyman,
    marginal_effects_at,
    moderation_test,
)
from tertius.shapes.moderation_checks import (
    binned_moderation,
    double_demeaned_check,
    kernel_moderation,
)
from tertius.shapes.necessary import necessary_condition_test, necessity
from tertius.shapes.permutation import fisher_permutation
from tertius.shapes.quadratic import FiellerSet, Quadratic
from tertius.shapes.rate import rate_test
from tertius.shapes.rivals import compare_rivals
from tertius.shapes.sign import SignTest, sign_test
from tertius.shapes.significance_regions import fdr_critical_t, significance_regions
from tertius.shapes.stages import stage_difference_test
from tertius.shapes.tails import tail_check
from tertius.shapes.three_wave import shared_records_check
from tertius.shapes.three_way import three_way_test
from tertius.shapes.turning_shift import parallel_shift_test, shift_bootstrap
from tertius.shapes.two_lines import two_lines_test

__all__ = [
    "SHAPE_TESTS",
    "FiellerSet",
    "IndirectPath",
    "InvertedU",
    "JohnsonNeyman",
    "JointResult",
    "Mediation",
    "ModeratedInvertedU",
    "ModeratedQuadratic",
    "Moderation",
    "Quadratic",
    "ShapeResult",
    "ShapeSettings",
    "ShapeStep",
    "SignTest",
    "binned_moderation",
    "block_comparison_test",
    "block_gain_test",
    "block_test",
    "classify_curve",
    "coefficient_comparison_test",
    "compare_rivals",
    "complementarity_test",
    "contrast_of_indirects",
    "curve_class_test",
    "double_demeaned_check",
    "effect_curve",
    "fdr_critical_t",
    "first_year_groups",
    "fisher_permutation",
    "group_difference_test",
    "indirect_contrast_test",
    "inverted_u_test",
    "johnson_neyman",
    "kernel_moderation",
    "kink_test",
    "marginal_effects_at",
    "matched_pattern_test",
    "mediation_counterfactual",
    "mediation_test",
    "moderated_inverted_u_test",
    "moderation_test",
    "necessary_condition_test",
    "necessity",
    "parallel_shift_test",
    "rate_test",
    "residual_correlation",
    "run_shape_test",
    "scaled_contrast",
    "shared_records_check",
    "shift_bootstrap",
    "sign_test",
    "significance_regions",
    "stage_difference_test",
    "superadditivity_test",
    "tail_check",
    "three_way_test",
    "turning_curve",
    "two_lines_test",
]
