(** Keeping the largest scores is a projection.

    A vector over a finite index type [I] is a function [I -> R].
    [g : I -> T] assigns a group to each entry and [c : T -> nat] a capacity to each group:
      - one group, capacity k          : the k-sparse vectors
      - one group per layer            : a uniform (or chosen) number of kept weights per layer
      - groups of M entries, capacity N: N:M sparsity
    [p i >= 0] are the diagonal entries of the metric (1, or an Adam second moment). *)
From mathcomp Require Import all_ssreflect all_algebra.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Projection.
Variables (R : realDomainType) (I T : finType).
Implicit Types (x y p s : I -> R) (A B : {set I}) (g : I -> T) (c : T -> nat).

Definition supp x : {set I} := [set i | x i != 0].
Definition keep A x : I -> R := fun i => if i \in A then x i else 0.
Definition dist p x y : R := \sum_i p i * (x i - y i) ^+ 2.
Definition fibre g t A : {set I} := [set i in A | g i == t].
Definition feasible g c y := forall t, (#|fibre g t (supp y)| <= c t)%N.

(** What a mask has to satisfy; the code can check it in linear time. Ties may fall either way. *)
Definition saturated g c A := forall t, #|fibre g t A| = minn (c t) #|fibre g t setT|.
Definition top g s A := forall i j, g i = g j -> i \in A -> j \notin A -> s j <= s i.

Lemma exchange s A B : (forall i, 0 <= s i) -> (#|B| <= #|A|)%N ->
  (forall i j, i \in A -> j \in B -> j \notin A -> s j <= s i) ->
  \sum_(i in B) s i <= \sum_(i in A) s i.
Proof.
move=> s_ge0 leBA best.
rewrite (big_setID A) /= [X in _ <= X](big_setID B) /= setIC ler_add2l.
have leD : (#|B :\: A| <= #|A :\: B|)%N by rewrite !cardsD setIC leq_sub2r.
have [AB0|[i0 i0D]] := set_0Vmem (A :\: B).
  have /eqP -> : B :\: A == set0 by rewrite -cards_eq0 -leqn0 (leq_trans leD) // AB0 cards0.
  by rewrite AB0 !big_set0.
case: (Order.TotalTheory.arg_minP s i0D) => m mD m_min.
apply: (@le_trans _ _ (s m *+ #|B :\: A|)); last first.
  apply: (@le_trans _ _ (s m *+ #|A :\: B|)); first exact: ler_wpmuln2l.
  by rewrite -sumr_const; apply: ler_sum => i /m_min.
rewrite -sumr_const; apply: ler_sum => j /setDP[jB jNA].
by apply: best => //; case/setDP: mD.
Qed.

Lemma group_exchange s g c A B : (forall i, 0 <= s i) -> saturated g c A -> top g s A ->
  (forall t, (#|fibre g t B| <= c t)%N) -> \sum_(i in B) s i <= \sum_(i in A) s i.
Proof.
move=> s_ge0 sat best capB.
rewrite (partition_big g xpredT) //= [X in _ <= X](partition_big g xpredT) //=.
apply: ler_sum => t _.
have fibreE (C : {set I}) : \sum_(i in C | g i == t) s i = \sum_(i in fibre g t C) s i.
  by apply: eq_bigl => i; rewrite inE.
rewrite !fibreE; apply: exchange => // [|i j].
  rewrite sat leq_min capB subset_leq_card //.
  by apply/subsetP => i; rewrite !inE => /andP[].
rewrite !inE => /andP[iA /eqP git] /andP[_ /eqP gjt]; rewrite gjt eqxx andbT => jNA.
by apply: best => //; rewrite git gjt.
Qed.

(** The error of [keep A x] is the score it drops; that of [y] at least the score off its support. *)
Lemma dist_keep p A x : dist p x (keep A x) = \sum_(i in ~: A) p i * x i ^+ 2.
Proof.
rewrite /dist (bigID (mem A)) /= big1 => [|i iA]; last by rewrite /keep iA subrr expr0n mulr0.
rewrite add0r; apply: eq_big => i; rewrite ?inE // /keep.
by move=> /negbTE ->; rewrite subr0.
Qed.

Lemma dist_supp p x y : (forall i, 0 <= p i) ->
  \sum_(i in ~: supp y) p i * x i ^+ 2 <= dist p x y.
Proof.
move=> p_ge0; rewrite /dist [X in _ <= X](bigID (mem (~: supp y))) /=.
rewrite -[X in X <= _]addr0; apply: ler_add; last first.
  by apply: sumr_ge0 => i _; rewrite mulr_ge0 ?sqr_ge0.
by apply: ler_sum => i; rewrite !inE negbK => /eqP ->; rewrite subr0.
Qed.

Lemma keep_feasible g c A x : saturated g c A -> feasible g c (keep A x).
Proof.
move=> sat t; apply: leq_trans (_ : (#|fibre g t A| <= _)%N); last by rewrite sat geq_minl.
apply/subset_leq_card/subsetP => i; rewrite !inE /keep.
by case: (i \in A); [case/andP | rewrite eqxx].
Qed.

Theorem keep_projection p g c A x : (forall i, 0 <= p i) ->
  saturated g c A -> top g (fun i => p i * x i ^+ 2) A ->
  feasible g c (keep A x) /\
  forall y, feasible g c y -> dist p x (keep A x) <= dist p x y.
Proof.
move=> p_ge0 sat best; split=> [|y capy]; first exact: keep_feasible.
apply: le_trans (dist_supp x y p_ge0); rewrite dist_keep.
pose s i := p i * x i ^+ 2; have s_ge0 i : 0 <= s i by rewrite mulr_ge0 ?sqr_ge0.
have total B : \sum_(i in ~: B) s i = \sum_i s i - \sum_(i in B) s i.
  rewrite [X in X - _](bigID (mem B)) /= addrAC subrr add0r.
  by apply: eq_bigl => i; rewrite inE.
by rewrite !total ler_add2l ler_opp2; apply: group_exchange sat best _.
Qed.

End Projection.
