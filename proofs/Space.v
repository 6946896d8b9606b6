(** The space that the theorems live in: vectors over an ordered field with an inner product.

    No completeness, no dimension and no square root is used, so lengths appear as squares. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.algebra_tactics Require Import ring.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Record inner (R : realFieldType) (V : lmodType R) := Inner {
  dot : V -> V -> R;
  dotC : forall a b, dot a b = dot b a;
  dotD : forall a b c, dot (a + b) c = dot a c + dot b c;
  dotZ : forall s a b, dot (s *: a) b = s * dot a b;
  dot_ge0 : forall a, 0 <= dot a a
}.

(** A linear inequality is proved by writing its slack as a sum of slacks that are known. *)
Section Slack.
Variable R : realFieldType.
Implicit Types a b c v : R.
Lemma slack a b : a <= b -> 0 <= b - a.
Proof. by rewrite subr_ge0. Qed.
Lemma slack1 a v : 0 <= a -> v = a -> 0 <= v.
Proof. by move=> a0 ->. Qed.
Lemma slack2 a b v : 0 <= a -> 0 <= b -> v = a + b -> 0 <= v.
Proof. by move=> a0 b0 ->; apply: addr_ge0. Qed.
Lemma slack3 a b c v : 0 <= a -> 0 <= b -> 0 <= c -> v = a + b + c -> 0 <= v.
Proof. by move=> a0 b0 c0 ->; rewrite !addr_ge0. Qed.
End Slack.

Section Space.
Variables (R : realFieldType) (V : lmodType R) (ip : inner V).
Notation dot := (dot ip).
Definition sq (a : V) : R := dot a a.

Lemma dotDr a b c : dot a (b + c) = dot a b + dot a c.
Proof. by rewrite dotC dotD dotC (dotC _ c). Qed.
Lemma dotZr s a b : dot a (s *: b) = s * dot a b.
Proof. by rewrite dotC dotZ dotC. Qed.
Lemma dot0 a : dot a 0 = 0.
Proof. by rewrite -(scale0r a) dotZr mul0r. Qed.
Lemma dotN a b : dot (- a) b = - dot a b.
Proof. by rewrite -scaleN1r dotZ mulN1r. Qed.
Lemma dotNr a b : dot a (- b) = - dot a b.
Proof. by rewrite dotC dotN dotC. Qed.
Lemma dotB a b c : dot (a - b) c = dot a c - dot b c.
Proof. by rewrite dotD dotN. Qed.
Lemma dotBr a b c : dot a (b - c) = dot a b - dot a c.
Proof. by rewrite dotDr dotNr. Qed.

Lemma sq_ge0 a : 0 <= sq a.
Proof. exact: dot_ge0. Qed.
Lemma sq0 : sq 0 = 0.
Proof. exact: dot0. Qed.
Lemma sqD a b : sq (a + b) = sq a + 2 * dot a b + sq b.
Proof. by rewrite /sq dotD !dotDr (dotC _ b a); ring. Qed.
Lemma sqZ s a : sq (s *: a) = s ^+ 2 * sq a.
Proof. by rewrite /sq dotZ dotZr; ring. Qed.
Lemma sqN a : sq (- a) = sq a.
Proof. by rewrite -scaleN1r sqZ; ring. Qed.
Lemma sqB a b : sq (a - b) = sq a - 2 * dot a b + sq b.
Proof. by rewrite sqD sqN dotNr; ring. Qed.
Lemma sqC a b : sq (a - b) = sq (b - a).
Proof. by rewrite -opprB sqN. Qed.

(** Two forms of Young's inequality. *)
Lemma young s a b : 0 < s -> - dot a b <= s / 2 * sq a + sq b / (2 * s).
Proof.
move=> s0; rewrite -subr_ge0.
have -> : s / 2 * sq a + sq b / (2 * s) - - dot a b = sq (s *: a + b) / (2 * s).
  by rewrite sqD sqZ dotZ; field; rewrite ?gt_eqF ?ltr0n.
by rewrite divr_ge0 ?sq_ge0 // mulr_ge0 ?ler0n // ltW.
Qed.

Lemma sqD_le t a b : 0 < t -> sq (a + b) <= (1 + t) * sq a + (1 + t^-1) * sq b.
Proof.
move=> t0; rewrite -subr_ge0.
have -> : (1 + t) * sq a + (1 + t^-1) * sq b - sq (a + b) = sq (t *: a + (- 1) *: b) / t.
  by rewrite !sqD !sqZ dotZ dotZr; field; rewrite gt_eqF.
by rewrite divr_ge0 ?sq_ge0 // ltW.
Qed.

(** What is asked of the loss [f], whose gradient is [grad]. *)
Definition weakly_convex mu (f : V -> R) (grad : V -> V) :=
  forall x y, f x + dot (grad x) (y - x) - mu / 2 * sq (y - x) <= f y.
Definition lipschitz beta (grad : V -> V) :=
  forall x y, sq (grad y - grad x) <= beta ^+ 2 * sq (y - x).
Definition bounded_above beta (f : V -> R) (grad : V -> V) :=
  forall x y, f y <= f x + dot (grad x) (y - x) + beta / 2 * sq (y - x).

(** Such losses exist: half a curvature times the square, for any curvature in [-mu, beta]. *)
Section Quadratic.
Variables (mu beta curvature : R).
Hypotheses (low : - mu <= curvature) (high : curvature <= beta).
Definition quadratic (x : V) : R := curvature / 2 * sq x.
Definition quadratic_grad (x : V) : V := curvature *: x.

Lemma quadratic_taylor x y : quadratic y =
  quadratic x + dot (quadratic_grad x) (y - x) + curvature / 2 * sq (y - x).
Proof.
rewrite /quadratic /quadratic_grad -{1}(subrK x y); move: (y - x) => d.
by rewrite addrC sqD dotZ; field; rewrite ?ltr0n.
Qed.

Lemma quadratic_weakly_convex : weakly_convex mu quadratic quadratic_grad.
Proof.
move=> x y; rewrite (quadratic_taylor x y) ler_add2l -mulNr ler_wpmul2r ?sq_ge0 //.
by rewrite -mulNr ler_pmul2r ?invr_gt0 ?ltr0n.
Qed.

Lemma quadratic_bounded_above : bounded_above beta quadratic quadratic_grad.
Proof.
move=> x y; rewrite (quadratic_taylor x y) ler_add2l ler_wpmul2r ?sq_ge0 //.
by rewrite ler_pmul2r ?invr_gt0 ?ltr0n.
Qed.

Lemma quadratic_lipschitz : mu <= beta -> lipschitz beta quadratic_grad.
Proof.
move=> mb x y; rewrite /quadratic_grad -scalerBr sqZ ler_wpmul2r ?sq_ge0 //.
rewrite -subr_ge0 subr_sqr mulr_ge0 ?subr_ge0 //.
by rewrite -ler_subl_addl sub0r (le_trans _ low) // ler_opp2.
Qed.
End Quadratic.
End Space.

(** And such a space: weights indexed by a finite type, with the sum of products. *)
Section Coordinates.
Variables (R : realFieldType) (I : finType).
Implicit Types a b c : {ffun I -> R^o}.
Definition product a b : R := \sum_i a i * b i.

Lemma productC a b : product a b = product b a.
Proof. by apply: eq_bigr => i _; rewrite mulrC. Qed.
Lemma productD a b c : product (a + b) c = product a c + product b c.
Proof. by rewrite -big_split; apply: eq_bigr => i _; rewrite ffunE mulrDl. Qed.
Lemma productZ s a b : product (s *: a) b = s * product a b.
Proof. by rewrite mulr_sumr; apply: eq_bigr => i _; rewrite ffunE mulrA. Qed.
Lemma product_ge0 a : 0 <= product a a.
Proof. by apply: sumr_ge0 => i _; rewrite -expr2 sqr_ge0. Qed.

Definition coordinates : inner [lmodType R of {ffun I -> R^o}] :=
  Inner productC productD productZ product_ge0.

Lemma sq_coordinates a : sq coordinates a = \sum_i a i ^+ 2.
Proof. by apply: eq_bigr => i _; rewrite expr2. Qed.
End Coordinates.
